"""What is handed in, checked before it is: `check_report(layout)` says what to mend, and where."""

from cvlib.check.check_report import check_report
from cvlib.check.finding import Finding
from cvlib.check.report import Report

__all__ = ["Finding", "Report", "check_report"]
