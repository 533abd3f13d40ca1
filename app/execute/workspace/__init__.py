"""The files of a run: a host mirror, a prepared checkout for each commit, and a writable layer for each sandbox."""

from app.execute.workspace.workspaces import Workspaces

__all__ = ["Workspaces"]
