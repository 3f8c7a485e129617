"""Removes what daemons that were killed left in private folders."""

from __future__ import annotations

from iapeer.model.disk import using
from iapeer.paths.layout import Layout
from iapeer.sessions.privatefiles import forget_files
from iapeer.store import Store


def sweep(layout: Layout, store: Store) -> None:
    """Remove bodies that were being typed, and the files of sessions that are over."""
    with using(layout.spool):
        for body in layout.spool.iterdir():
            body.unlink(missing_ok=True)
    alive = {session.id for session in store.sessions.all_open()}
    for folder in layout.sessions.iterdir():
        if folder.name not in alive:
            forget_files(layout, folder.name)
