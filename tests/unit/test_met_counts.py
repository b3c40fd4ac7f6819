"""Wide files with every trap that vintages set."""

import gzip

import numpy as np
import pandas as pd
import pytest

from hotspot_eval.data.met import read_met_counts
from hotspot_eval.errors import InputError

HEAD = ["MajorText", "MinorText", "WardName", "WardCode", "LookUp_BoroughName"]
VIOLENCE = ("VIOLENCE AGAINST THE PERSON", "VIOLENCE WITH INJURY")
ROBBERY = ("Robbery", "Robbery of Personal Property")
ABBEY = ("Abbey", "E05014053", "Barking and Dagenham")
ALIBON = ("Alibon", "E05014054", "Barking and Dagenham")
MONTHS = [f"{year}{month:02}" for year in (2021, 2022) for month in range(1, 13)]


def wide(rows, months=MONTHS[:3], head=HEAD):
    """rows: (category pair, area triple, counts)."""
    table = [[*category, *area, *values] for category, area, values in rows]
    return pd.DataFrame(table, columns=[*head, *months])


@pytest.fixture
def write(tmp_path):
    def write_one(table, name="ward.csv", **options):
        table.to_csv(tmp_path / name, index=False, **options)
        return tmp_path / name

    return write_one


def cell(counts, area, period, outcome):
    frame = counts.frame
    row = frame[
        (frame["area"] == area) & (frame["period"] == period) & (frame["outcome"] == outcome)
    ]
    return row["count"].iloc[0]


def remarks(counts):
    return {n.reason: n.rows for step in counts.ledger.steps for n in step.remarks}


def left_out(counts):
    return {n.reason: n.rows for step in counts.ledger.steps for n in step.left_out}


@pytest.mark.parametrize(
    "head",
    [
        HEAD,
        ["Major Category", "Minor Category", "Ward Name", "Ward Code", "Borough"],
        ["MAJORTEXT", "MINOR TEXT", "Refreshed Ward Name", "WARD_CODE", "BoroughName"],
        ["Group", "SubGroup", "WardName", "wd22cd", "LookUp_BoroughName"],
        ["Offence Group", "Offence Subgroup", "ward name", "ward code", "Borough_SNT"],
    ],
)
def test_column_names_of_every_vintage_mean_the_same(write, head):
    counts = read_met_counts(write(wide([(ROBBERY, ABBEY, [1, 2, 3])], head=head)))
    assert counts.panel(["robbery"]).counts[0, :, 0].tolist() == [1, 2, 3]
    assert set(counts.frame["cluster"]) == {"Barking and Dagenham"}


@pytest.mark.parametrize(
    "months",
    [
        ["2019 03", "2019 04", "2019 05"],
        ["201903.0", "201904.0", "201905.0"],
        ["2019-03", "2019/04", "2019_05"],
        ["Mar-19", "Apr-19", "May-19"],
        ["March 2019", "Apr 2019", "2019 May"],
        ["X201903", "X201904", "X201905"],
        ["2019-03-01", "2019-04-01 00:00:00", "2019-05-01"],
        ["03/2019", "04/2019", "05/2019"],
    ],
)
def test_months_may_be_written_in_any_clear_way(write, months):
    counts = read_met_counts(write(wide([(ROBBERY, ABBEY, [1, 2, 3])], months=months)))
    assert counts.months["period"].tolist() == ["2019-03", "2019-04", "2019-05"]


@pytest.mark.parametrize(
    ("months", "named"),
    [
        (["201913", "201902", "201903"], "201913"),
        (["21-Apr", "202105", "202106"], "21-Apr"),
        (["01/04/2021", "202105", "202106"], "01/04/2021"),
        (["Apr-21", "May-21", "Aug-21"], "Apr-21"),
        (["20210401", "202105", "202106"], "20210401"),
    ],
)
def test_months_that_are_not_clear_are_refused_by_name(write, months, named):
    with pytest.raises(InputError, match=f"may be months, but which is not clear .*{named}"):
        read_met_counts(write(wide([(ROBBERY, ABBEY, [1, 2, 3])], months=months)))


def test_a_month_with_two_columns_is_refused(write):
    path = write(wide([(ROBBERY, ABBEY, [1, 2, 3])], months=["202101", "Jan 2021", "202102"]))
    with pytest.raises(InputError, match=r"months have two columns \(1: Jan 2021"):
        read_met_counts(path)


def test_all_that_is_wrong_with_a_head_is_said_at_once(write):
    table = wide([(ROBBERY, ABBEY, [1, 2, 3])], months=["201913", "202102", "202102"])
    table = table.rename(columns={"MajorText": "what", "WardCode": "place"})
    with pytest.raises(InputError) as error:
        read_met_counts(write(table.drop(columns="LookUp_BoroughName")))
    text = str(error.value)
    for part in ("major category", "no ward code", "201913", "months have two columns"):
        assert part in text


def test_a_tidy_table_is_sent_to_the_other_reader(write):
    table = pd.DataFrame({"MajorText": ["Robbery"], "WardCode": ["E05014053"], "count": [1]})
    with pytest.raises(InputError, match=r"no month columns.*read_counts"):
        read_met_counts(write(table))


def test_categories_of_every_vintage_meet_in_one_outcome(write):
    pairs = [
        (("Theft", "Theft from Person"), [1, 0, 0]),
        (("THEFT", "THEFT FROM THE PERSON"), [0, 2, 0]),
        (("Theft", "Shoplifting"), [5, 5, 5]),
        (("Burglary", "Domestic Burglary"), [3, 0, 0]),
        (("BURGLARY", "BURGLARY IN A DWELLING"), [0, 4, 0]),
    ]
    counts = read_met_counts(write(wide([(pair, ABBEY, values) for pair, values in pairs])))
    panel = counts.panel(["theft_from_person", "theft", "burglary", "all_crime"])
    assert panel.counts[0].tolist() == [[1, 6, 3, 9], [2, 7, 4, 11], [0, 5, 0, 5]]
    assert "unknown" not in str(counts.ledger)


def test_unknown_categories_are_counted_and_named(write):
    rows = [
        (("Piracy", "At Sea"), ABBEY, [1, 1, 1]),
        (("Robbery", "Robbery of a Spacecraft"), ABBEY, [2, 2, 2]),
    ]
    counts = read_met_counts(write(wide(rows)))
    assert cell(counts, "E05014053", "2021-01", "all_crime") == 3
    assert cell(counts, "E05014053", "2021-01", "robbery") == 2
    assert remarks(counts)["category not known, counted in all_crime only"] == 1
    assert remarks(counts)["minor category not known, counted with its major one"] == 1
    assert "piracy: at sea" in counts.ledger.to_frame()["first_five"].tolist()


def test_the_classification_before_2019_is_told_apart(write):
    old = [
        (("Violence Against the Person", "Wounding/GBH"), [1, 1, 1]),
        (("Violence Against the Person", "Murder"), [1, 0, 0]),
        (("Violence Against the Person", "Offensive Weapon"), [4, 4, 4]),
        (("Theft and Handling", "Theft/Taking Of Motor Vehicle"), [6, 6, 6]),
        (("Theft & Handling", "Other Theft Person"), [7, 7, 7]),
        (("Theft and Handling", "Handling Stolen Goods"), [9, 9, 9]),
    ]
    months = ["201001", "201002", "201003"]
    counts = read_met_counts(write(wide([(p, ABBEY, v) for p, v in old], months=months)))
    january = {name: cell(counts, "E05014053", "2010-01", name) for name in counts.outcomes}
    assert january == {
        "violence": 2,
        "violence_with_injury": 1,
        "homicide": 1,
        "weapons_possession": 4,
        "theft_from_person": 7,
        "vehicle": 6,
        "theft": 7,
        "all_crime": 28,
    }
    assert set(counts.months["categories"]) == {"before 2019-03"}


def test_an_outcome_the_files_do_not_hold_is_refused_not_zero(write):
    path = write(wide([(ROBBERY, ABBEY, [1, 2, 3])]))
    with pytest.raises(InputError, match=r"none of them is in the files \(1: homicide"):
        read_met_counts(path, offences=["homicide"])
    with pytest.raises(InputError, match=r"names no outcome of these files \(1: robery"):
        read_met_counts(path, offences=["robery"])
    with pytest.raises(InputError, match="is one text, not a sequence"):
        read_met_counts(path, offences="robbery")


def test_a_ward_under_two_boroughs_is_added_up(write):
    heathrow = ("Heathrow Villages", "E05013570")
    rows = [
        (ROBBERY, (*heathrow, "Aviation Security (SO18)"), [50, 60, 70]),
        (ROBBERY, (*heathrow, "Hillingdon"), [1, 2, 3]),
        (ROBBERY, ABBEY, [9, 9, 9]),
    ]
    counts = read_met_counts(write(wide(rows)))
    panel = counts.panel(["robbery"])
    assert panel.counts[:, :, 0].tolist() == [[51, 62, 73], [9, 9, 9]]
    assert panel.cluster == ("Hillingdon", "Barking and Dagenham")
    assert remarks(counts)["area listed under two boroughs, added up"] == 2


def test_rows_that_are_no_counts_are_left_out_with_their_reason(write, tmp_path):
    table = wide(
        [
            (ROBBERY, ABBEY, [1, 2, 3]),
            (ROBBERY, ("Unknown", "", "Unknown"), [7, 7, 7]),
            (("Total", ""), ABBEY, [8, 8, 8]),
            (VIOLENCE, ALIBON, [4, 5, 6]),
            (VIOLENCE, ALIBON, [4, 5, 6]),
        ]
    )
    path = write(table)
    path.write_text(path.read_text() + "," * 7 + "\n" + ",".join([*HEAD, *MONTHS[:3]]) + "\n")
    counts = read_met_counts(path)
    gone = {reason: rows for reason, rows in left_out(counts).items() if "vintage" not in reason}
    assert gone == {
        "blank row": 1,
        "header repeated": 1,
        "totals row": 1,
        "no area code": 1,
        "row repeated exactly": 1,
    }
    assert cell(counts, "E05014054", "2021-01", "violence") == 4


def test_lines_above_the_header_and_old_encodings_are_no_obstacle(tmp_path):
    text = wide([(ROBBERY, ("Café", "E05014053", "Barnet"), [1, 2, 3])]).to_csv(index=False)
    path = tmp_path / "old.csv"
    path.write_bytes(("MPS Ward Level Crime\n\n" + text).encode("cp1252"))
    counts = read_met_counts(path)
    assert set(counts.frame["area_name"]) == {"Café"}
    packed = tmp_path / "new.csv.gz"
    packed.write_bytes(gzip.compress(("\ufeff" + text).encode("utf-8")))
    assert read_met_counts(packed).panel(["robbery"]).counts.sum() == 6


def test_damaged_and_foreign_files_are_refused(tmp_path, write):
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(gzip.compress(b"a,b\n" * 100)[:-12])
    with pytest.raises(InputError, match=r"broken\.csv\.gz: cannot be unpacked"):
        read_met_counts(broken)
    with pytest.raises(InputError, match="is an address or a virtual path"):
        read_met_counts("https://data.london.gov.uk/ward.csv")
    with pytest.raises(InputError, match="holds none of the files"):
        read_met_counts(_made(tmp_path / "empty"))


def _made(folder):
    folder.mkdir()
    return folder


@pytest.mark.parametrize("value", ["-1", "0.5", "<5", "*", "1e3x"])
def test_cells_that_are_no_counts_are_named_by_line_and_month(write, value):
    table = wide([(VIOLENCE, ABBEY, [1, 2, 3]), (ROBBERY, ABBEY, [1, 2, 3])]).astype(object)
    table.loc[1, "202102"] = value
    with pytest.raises(InputError, match=r"counts are not whole .*\(1: line 3, 2021-02: "):
        read_met_counts(write(table))


def test_thousands_and_decimal_zeros_are_numbers(write):
    table = wide([(ROBBERY, ABBEY, ["1,234", "2.0", " 3 "])])
    counts = read_met_counts(write(table))
    assert counts.panel(["robbery"]).counts[0, :, 0].tolist() == [1234, 2, 3]


def test_a_blank_is_missing_and_not_zero(write):
    table = wide([(ROBBERY, ABBEY, [1, np.nan, 3]), (VIOLENCE, ABBEY, [4, 5, 6])])
    counts = read_met_counts(write(table))
    panel = counts.panel(["robbery", "violence", "all_crime"])
    assert panel.observed[0].tolist() == [[True] * 3, [False, True, False], [True] * 3]


def test_a_row_left_out_of_a_wide_file_is_a_zero(write):
    rows = [(ROBBERY, ABBEY, [1, 2, 3]), (VIOLENCE, ALIBON, [4, 5, 6])]
    panel = read_met_counts(write(wide(rows))).panel(["robbery", "violence"])
    assert panel.observed.all()
    assert panel.counts[0, :, 1].tolist() == [0, 0, 0]


def test_levels_are_never_mixed(write):
    ward = write(wide([(ROBBERY, ABBEY, [1, 2, 3])]))
    head = ["Major Category", "Minor Category", "LSOA Name", "LSOA Code", "Borough"]
    lsoa_row = (ROBBERY, ("Barnet 001A", "E01000001", "Barnet"), [1, 2, 3])
    lsoa = write(wide([lsoa_row], head=head), "lsoa.csv")
    with pytest.raises(InputError, match=r"several levels \(2: .*LSOA counts do not sum"):
        read_met_counts([ward, lsoa])
    mixed = write(wide([(ROBBERY, ("Barnet 001A", "E01000001", "Barnet"), [1, 2, 3])]), "m.csv")
    with pytest.raises(InputError, match=r"mixes levels: codes of lsoas in its ward column"):
        read_met_counts(mixed)
    assert read_met_counts(lsoa).areas == ("E01000001",)


def test_borough_files_get_codes_and_leave_the_airport_out(tmp_path):
    table = pd.DataFrame(
        {
            "MajorText": ["Robbery"] * 3,
            "MinorText": ["Robbery of Personal Property"] * 3,
            "LookUp_BoroughName": [
                "Hammersmith & Fulham",
                "City of Westminster",
                "Aviation (SO18)",
            ],
            "202101": [1, 2, 3],
        }
    )
    table.to_csv(tmp_path / "borough.csv", index=False)
    counts = read_met_counts(tmp_path / "borough.csv")
    assert counts.areas == ("E09000013", "E09000033")
    assert left_out(counts)["in no borough (airports, not known)"] == 1


def test_the_newest_vintage_wins_and_the_revision_is_told(write):
    old = write(wide([(ROBBERY, ABBEY, [1, 2, 3]), (VIOLENCE, ABBEY, [5, 5, 5])]), "old.csv")
    new = write(
        wide([(ROBBERY, ABBEY, [2, 4, 9]), (VIOLENCE, ABBEY, [5, 5, 5])], months=MONTHS[1:4]),
        "new.csv",
    )
    for paths in ([old, new], [new, old]):
        counts = read_met_counts(paths, offences=["robbery"])
        assert counts.panel().counts[0, :, 0].tolist() == [1, 2, 4, 9]
        assert counts.months["vintage"].tolist() == ["2021-03", "2021-04", "2021-04", "2021-04"]
        changed = counts.revisions
        assert changed[["period", "old_count", "new_count", "difference"]].to_numpy().tolist() == [
            ["2021-03", 3, 4, 1]
        ]
        summary = counts.revision_summary.set_index("period").loc["2021-03"]
        assert summary[["cells", "changed", "net_change"]].tolist() == [1, 1, 1]
        assert summary["max_change_percent"] == pytest.approx(100 / 3)


def test_a_gap_between_vintages_is_missing(write):
    one = write(wide([(ROBBERY, ABBEY, [1, 2, 3])]), "one.csv")
    two = write(wide([(ROBBERY, ABBEY, [4, 5, 6])], months=MONTHS[5:8]), "two.csv")
    counts = read_met_counts([one, two])
    assert counts.months["status"].tolist() == ["complete"] * 3 + ["missing"] * 2 + ["complete"] * 3
    assert counts.panel(["robbery"]).observed[0, :, 0].tolist() == [1, 1, 1, 0, 0, 1, 1, 1]


def test_files_of_one_vintage_may_share_out_the_areas(write):
    one = write(wide([(ROBBERY, ABBEY, [100, 200, 300])]), "one.csv")
    two = write(wide([(ROBBERY, ALIBON, [40, 50, 60])]), "two.csv")
    panel = read_met_counts([one, two]).panel(["robbery"])
    assert panel.counts[:, :, 0].tolist() == [[100, 200, 300], [40, 50, 60]]
    assert panel.observed.all()


def test_two_files_of_one_vintage_that_differ_need_their_dates(write):
    one = write(wide([(ROBBERY, ABBEY, [1, 2, 3])]), "one.csv")
    two = write(wide([(ROBBERY, ABBEY, [1, 2, 4])]), "two.csv")
    with pytest.raises(InputError, match=r"both end in 2021-03 and differ \(.*E05014053 2021-03"):
        read_met_counts([one, two])
    dates = {"one.csv": "2021-05-05", "two.csv": "2021-04-05"}
    counts = read_met_counts([one, two], published=dates)
    assert counts.panel(["robbery"]).counts[0, :, 0].tolist() == [1, 2, 3]
    with pytest.raises(InputError, match=r"names files not read \(1: three.csv"):
        read_met_counts([one], published={"three.csv": "2021-05"})


def test_the_month_of_publication_is_partial(write):
    path = write(wide([(ROBBERY, ABBEY, [1, 2, 3])]))
    counts = read_met_counts(path, published={"ward.csv": "2021-03-20"})
    assert counts.months["status"].tolist() == ["complete", "complete", "partial"]
    assert len(counts.panel(["robbery"]).periods) == 2
    asked = counts.panel(["robbery"], end="2021-03")
    assert asked.observed[0, :, 0].tolist() == [True, True, False]
    kept = counts.panel(["robbery"], include_partial=True)
    assert kept.counts[0, :, 0].tolist() == [1, 2, 3]
    assert "partial" in str(counts.panel(["robbery"]).ledger)


def test_an_empty_month_column_is_missing(write):
    table = wide([(ROBBERY, ABBEY, [50, 0, 60]), (VIOLENCE, ABBEY, [90, 0, 80])])
    counts = read_met_counts(write(table))
    assert counts.months["status"].tolist() == ["complete", "missing", "complete"]
    assert counts.panel(["robbery"]).observed[0, :, 0].tolist() == [True, False, True]


def test_boundaries_of_two_dates_are_noticed(write):
    old_ward = ("Abbey", "E05000026", "Barking and Dagenham")
    rows = [(ROBBERY, old_ward, [50] * 12), (ROBBERY, ALIBON, [30] * 12)]
    old = write(wide(rows, months=MONTHS[:12]), "old.csv")
    rows = [(ROBBERY, ABBEY, [50] * 12), (ROBBERY, ALIBON, [30] * 12)]
    for months in (MONTHS[12:24], MONTHS[6:18]):
        new = write(wide(rows, months=months), "new.csv")
        with pytest.raises(InputError) as error:
            read_met_counts([old, new])
        assert "boundaries of two dates are mixed: areas stop (1: E05000026" in str(error.value)
        assert "areas start (1: E05014053" in str(error.value)


@pytest.mark.parametrize("borough", ["", "London Borough of Barking & Dagenham"])
def test_boundaries_of_two_dates_are_noticed_whatever_the_borough_is_called(write, borough):
    rows = [(ROBBERY, ("Abbey", "E05000026", borough), [50] * 12), (ROBBERY, ALIBON, [30] * 12)]
    old = write(wide(rows, months=MONTHS[:12]), "old.csv")
    rows = [(ROBBERY, ABBEY, [50] * 12), (ROBBERY, ALIBON, [30] * 12)]
    new = write(wide(rows, months=MONTHS[12:24]), "new.csv")
    with pytest.raises(InputError, match="boundaries of two dates are mixed"):
        read_met_counts([old, new])


def test_areas_of_different_boroughs_may_come_and_go(write):
    camden = ("Highgate", "E05013661", "Camden")
    old = write(wide([(ROBBERY, ABBEY, [50] * 12)], months=MONTHS[:12]), "old.csv")
    new = write(wide([(ROBBERY, camden, [50] * 12)], months=MONTHS[12:24]), "new.csv")
    panel = read_met_counts([old, new]).panel(["robbery"])
    expected = [[False] * 12 + [True] * 12, [True] * 12 + [False] * 12]
    assert panel.areas == ("E05013661", "E05014053")
    assert panel.observed[:, :, 0].tolist() == expected


def test_rows_longer_than_the_header_and_files_without_a_count_are_refused(write):
    path = write(wide([(ROBBERY, ABBEY, [1, 2, 3])]))
    path.write_text(path.read_text() + "Misc,Making, Supplying,Abbey,E05014053,Barnet,1,2,3\n")
    with pytest.raises(InputError, match=r"more fields than the header, lines \(1: 3\).*comma"):
        read_met_counts(path)
    with pytest.raises(InputError, match=r"ward\.csv: has no count"):
        read_met_counts(write(wide([(ROBBERY, ABBEY, [None] * 3)])))


def test_blank_months_at_the_end_are_not_covered(write):
    path = write(wide([(ROBBERY, ABBEY, [1, 2, None])]))
    counts = read_met_counts(path)
    assert counts.months["vintage"].tolist() == ["2021-02", "2021-02"]
    assert remarks(counts)["last month columns blank, not covered"] == 1


def test_a_switch_of_codes_inside_one_file_is_noticed(write):
    rows = [
        (ROBBERY, ("Abbey", "E05000026", "Barking and Dagenham"), [50] * 6 + [0] * 6),
        (ROBBERY, ABBEY, [0] * 6 + [50] * 6),
    ]
    with pytest.raises(InputError, match="E05000026 stops 2021-06"):
        read_met_counts(write(wide(rows, months=MONTHS[:12])))


def test_a_switch_of_codes_in_the_last_month_is_noticed(write):
    rows = [
        (ROBBERY, ("Abbey", "E05000026", "Barking and Dagenham"), [50] * 11 + [0]),
        (ROBBERY, ABBEY, [0] * 11 + [50]),
    ]
    with pytest.raises(InputError, match="E05000026 stops 2021-11"):
        read_met_counts(write(wide(rows, months=MONTHS[:12])))


def test_an_empty_place_with_one_crowded_month_is_no_late_start(write):
    rows = [
        (ROBBERY, ABBEY, [0] * 6 + [80] + [0] * 5),
        (ROBBERY, ALIBON, [0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0]),
    ]
    assert read_met_counts(write(wide(rows, months=MONTHS[:12]))).panel(["robbery"]).observed.all()


def test_a_lone_late_start_is_missing_before_it(write):
    rows = [(ROBBERY, ABBEY, [0] * 6 + [50] * 6), (ROBBERY, ALIBON, [30] * 12)]
    counts = read_met_counts(write(wide(rows, months=MONTHS[:12])))
    observed = counts.panel(["robbery"]).observed[:, :, 0]
    assert observed[0].tolist() == [False] * 6 + [True] * 6
    assert observed[1].all()
    assert any("before the area starts" in reason for reason in left_out(counts))


def test_few_events_are_no_late_start(write):
    rows = [(ROBBERY, ABBEY, [0] * 6 + [1] * 6), (ROBBERY, ALIBON, [30] * 12)]
    counts = read_met_counts(write(wide(rows, months=MONTHS[:12])))
    assert counts.panel(["robbery"]).observed.all()


def test_an_area_without_a_row_in_a_newer_file_is_zero_only_if_that_can_be_chance(write):
    sparse, dense = ABBEY, ALIBON
    third = ("Eastbrook", "E05014060", "Barking and Dagenham")
    old = write(
        wide(
            [(ROBBERY, sparse, [0, 1, 1]), (ROBBERY, dense, [90] * 3), (ROBBERY, third, [40] * 3)]
        ),
        "old.csv",
    )
    new = write(wide([(ROBBERY, third, [40] * 3)], months=MONTHS[1:4]), "new.csv")
    panel = read_met_counts([old, new]).panel(["robbery"])
    assert panel.counts[0, :, 0].tolist() == [0, 0, 0, 0]
    assert panel.observed[0].all()
    assert panel.counts[1, :3, 0].tolist() == [90, 90, 90]
    assert not panel.observed[1, 3, 0]


def test_every_bad_file_is_reported_at_once(write):
    one = write(wide([(ROBBERY, ABBEY, [-1, 2, 3])]), "one.csv")
    two = write(wide([(ROBBERY, ABBEY, [1, 2, 3])], months=["201913", "1", "2"]), "two.csv")
    with pytest.raises(InputError) as error:
        read_met_counts([one, two])
    assert "one.csv" in str(error.value)
    assert "two.csv" in str(error.value)
