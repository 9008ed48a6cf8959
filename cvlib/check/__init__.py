"""What is handed in, checked before it is: `check_report.check_report(project)` says what to mend, and where."""
