"""The operators' console at /console: pages in the browser over the same use cases and roles as the admin API.

How it is built
---------------

``create_console(cases)`` makes the application and ``app/server.py`` mounts it. ``guard.py`` stands before everything: session, own site,
security headers. ``signin.py`` and ``plain.py`` make the sign-in page, which needs no scripts. Pages are drawn with NiceGUI: Python
makes a tree of elements, the browser shows it and sends events back over a websocket. Everything that the browser loads comes from
installed packages.

How a page is written
---------------------

A page is a module in ``pages/`` with an async function that draws it and a ``PAGE`` that describes it; ``pages/__init__.py`` lists it
in the order of the menu::

    async def build(context: Context) -> None:
        async def fetch(after: int | None, limit: int) -> Slice:
            page = await context.run(Act.READ, lambda cases: cases.administration.activities.activities(None, limit=limit, after=after))
            return Slice([Row(one.id, {"name": one.name, "id": id_cell(one.id)}) for one in page.items], page.next, page.total)

        columns = [Column("name", …), Column("id", …)]
        table = Table(context, context.texts("activities.title"), columns, fetch, none=context.texts("activities.none"))
        await table.load()

    PAGE = Page("activities", "/activities", Act.READ, build, icon="campaign")

- Use cases are reached through ``context.run(act, work)`` (in a thread) and ``context.call(act, work)`` (asynchronous ones) only.
  Both check session and role anew; ``context.may(act)`` merely decides whether a control is drawn. Changes pass ``actor=context.actor``.
  Never call a store from a page directly: the event loop serves the API too.
- What a use case refuses may simply be raised: the user gets a message, its text being ``errors.<ClassName>`` if there is one.
  ``ActivityNotFound`` and its like, raised while a page is built, become a page with status 404.
- Every text is in ``texts/en/NAME.json`` and ``texts/zh/NAME.json``: ``context.texts("NAME.key", count=3)``. ``NAME.title`` is needed.
  A test compares the keys of both languages and looks for keys that do not exist.
- Addresses are written with ``context.url("/activities", after=3)``, so that they work behind a proxy's prefix; variable parts of the
  path are in ``context.parameters``, the query in ``context.query``.
- Elements: ``parts/pieces.py`` (``tag``, ``section``, ``button``, ``link``, ``id_chip``, ``moment``, ``badge``, ``figure``, ``empty``),
  ``parts/tables.py``, ``parts/charts.py``, ``parts/uploads.py`` (never NiceGUI's own upload: it writes to the disk),
  ``parts/feedback.py`` (``toast``, ``confirm``, ``Undoable``). ``tag`` makes any other HTML element. NiceGUI's own elements may be
  used where they bring something, such as sliders.
- Text of users goes into ``text`` and attributes only, never into ``ui.html``, slot templates or JavaScript.
- Classes start with ``fm-`` and are in ``static/console.css``; colours and sizes are its variables, never literals.
- Pictures of materials: ``context.url(f"/files/materials/{id}/thumbnail")`` and ``…/picture``.
- A page that needs another use case adds a field to ``UseCases``, filled in ``app/server.py``.

How a page is tested
--------------------

``tests/console`` drives a real Chromium against a real server: see the first lines of ``tests/console/browser.py``.
"""

from facemeld.console.console import Console, create_console
from facemeld.console.session.preferences import PATH
from facemeld.console.usecases import UseCases

__all__ = ["PATH", "Console", "UseCases", "create_console"]
