"""What people look at: the self-contained HTML report, the ranked table on a terminal, plots and contact sheets."""

from cryogauge.report.columns import Failure
from cryogauge.report.html import write_report
from cryogauge.report.pictures import contact_sheet
from cryogauge.report.sheet import Block, write_sheet
from cryogauge.report.svg import Line, line_plot_svg, scatter_plot_svg
from cryogauge.report.terminal import ranked_table

__all__ = [
    "Block",
    "Failure",
    "Line",
    "contact_sheet",
    "line_plot_svg",
    "ranked_table",
    "scatter_plot_svg",
    "write_report",
    "write_sheet",
]
