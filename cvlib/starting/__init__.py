"""Starting something: a new experiment in a project, a new project from this one."""
