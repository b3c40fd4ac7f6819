"""What a reviewer reads: one record, and the tables, pages and figures rendered from it."""

from hotspot_eval.report import figures
from hotspot_eval.report.comparison import comparison_frame, comparison_table
from hotspot_eval.report.disclosure import Disclosure, apply_disclosure
from hotspot_eval.report.entries import (
    Fact,
    FigureFile,
    MinimumDetectable,
    ReportedCheck,
    ReportedEffect,
    Table,
)
from hotspot_eval.report.files import hide_paths, slug
from hotspot_eval.report.notebook_html import notebook_html
from hotspot_eval.report.pages import write_index, write_site_page
from hotspot_eval.report.part import Part
from hotspot_eval.report.record import PartRecord, SiteRecord, StudyRecord
from hotspot_eval.report.tables import write_site_tables, write_study_tables

__all__ = [
    "Disclosure",
    "Fact",
    "FigureFile",
    "MinimumDetectable",
    "Part",
    "PartRecord",
    "ReportedCheck",
    "ReportedEffect",
    "SiteRecord",
    "StudyRecord",
    "Table",
    "apply_disclosure",
    "comparison_frame",
    "comparison_table",
    "figures",
    "hide_paths",
    "notebook_html",
    "slug",
    "write_index",
    "write_site_page",
    "write_site_tables",
    "write_study_tables",
]
