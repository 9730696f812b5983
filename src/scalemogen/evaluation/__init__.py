"""The protocol: a model, a motion store and an evaluator to numbers that can be believed."""

from scalemogen.evaluation.compare import Comparison, compare, read_result
from scalemogen.evaluation.draws import Draws
from scalemogen.evaluation.edits import choose_clips, measure_edits
from scalemogen.evaluation.edits_report import edits_report
from scalemogen.evaluation.evaluate import Evaluated, evaluate
from scalemogen.evaluation.loading import find_evaluator, load_evaluator
from scalemogen.evaluation.origin import origin_of_data, origin_of_evaluator, origin_of_model, origin_of_run
from scalemogen.evaluation.preservation import Contender, preservation
from scalemogen.evaluation.preservation_report import preservation_plot, preservation_report
from scalemogen.evaluation.protocols import PROTOCOLS, Protocol, get_protocol
from scalemogen.evaluation.report_html import page as html_page
from scalemogen.evaluation.report_markdown import TABLES, as_markdown, markdown, row_table, summary
from scalemogen.evaluation.samples import Batching
from scalemogen.evaluation.split import Settings
from scalemogen.evaluation.subject import Subject
from scalemogen.evaluation.sweep_plots import sweep_plot

__all__ = [
    "PROTOCOLS",
    "TABLES",
    "Batching",
    "Comparison",
    "Contender",
    "Draws",
    "Evaluated",
    "Protocol",
    "Settings",
    "Subject",
    "as_markdown",
    "choose_clips",
    "compare",
    "edits_report",
    "evaluate",
    "find_evaluator",
    "get_protocol",
    "html_page",
    "load_evaluator",
    "markdown",
    "measure_edits",
    "origin_of_data",
    "origin_of_evaluator",
    "origin_of_model",
    "origin_of_run",
    "preservation",
    "preservation_plot",
    "preservation_report",
    "read_result",
    "row_table",
    "summary",
    "sweep_plot",
]
