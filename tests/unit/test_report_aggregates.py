"""Only aggregates go into a record."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point

from hotspot_eval.errors import InputError
from hotspot_eval.report.aggregates import TABLE_ROWS, refuse_records

SUSPECT = "look like records, coordinates or times of incidents"


def test_long_frames_are_refused():
    refuse_records("t", pd.DataFrame({"n": range(TABLE_ROWS)}))
    with pytest.raises(InputError, match=r"has 1,001 rows; at most 1,000"):
        refuse_records("t", pd.DataFrame({"n": range(TABLE_ROWS + 1)}))


@pytest.mark.parametrize(
    "name",
    ["Crime ID", "incident_id", "Longitude", "lat", "Easting", "postcode", "Date of birth", "URN",
     "victim_ref", "Location", "incident_date", "committed at", "timestamp"],
)  # fmt: skip
def test_columns_of_records_are_refused_by_name(name):
    with pytest.raises(InputError, match=SUSPECT):
        refuse_records("t", pd.DataFrame({name: [1]}))


@pytest.mark.parametrize("name", ["area", "month", "start", "events", "latest", "reported", "late"])
def test_columns_of_aggregates_are_not(name):
    refuse_records("t", pd.DataFrame({name: [1]}))


def test_times_of_day_crime_ids_and_points_are_refused_by_content():
    days = pd.to_datetime(["2020-05-04", "2020-05-11"])
    refuse_records("t", pd.DataFrame({"week": days}))
    for content in (days + pd.Timedelta(hours=3), ["ab12" * 16, "x"], [Point(0, 0), None]):
        with pytest.raises(InputError, match=SUSPECT):
            refuse_records("t", pd.DataFrame({"value": content}))
    with pytest.raises(InputError, match="geometry"):
        refuse_records("t", gpd.GeoDataFrame({"n": [1]}, geometry=[Point(0, 0)], crs=27700))


def test_the_index_is_looked_at_too_and_every_problem_named():
    frame = pd.DataFrame({"n": range(2_000)}, index=pd.RangeIndex(2_000, name="crime_id"))
    with pytest.raises(InputError, match=r"2,000 rows[\s\S]*crime_id") as caught:
        refuse_records("t", frame)
    assert len(caught.value.problems) == 2
