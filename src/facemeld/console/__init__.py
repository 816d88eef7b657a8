"""The operators' console at /console: web pages over the same use cases and roles as the admin API.

How it is built
---------------

``console.py`` builds the application and ``app/server.py`` mounts it. ``session.py`` guards every request (session, origin, security
headers) and holds the sign-in form, which needs no scripts. NiceGUI draws the pages: Python makes a tree of elements, the browser
shows it and sends events back over a websocket. The browser loads files of installed packages only.

How to write a page
-------------------

A page is an async function that draws it and a ``Page`` that describes it, in a module of ``pages/``; ``pages/__init__.py`` lists it
in the order of the menu::

    async def build(context: Context) -> None:
        async def fetch(after: int | None, limit: int) -> Slice:
            page = await context.run(Act.READ, lambda cases: cases.administration.activities.activities(None, limit=limit, after=after))
            return Slice([Row(row.id, {"name": row.name, "id": id_cell(row.id)}) for row in page.items], page.next, page.total)

        columns = [Column("name", …), Column("id", …)]
        table = Table(context, context.texts("activities.title"), columns, fetch, none=context.texts("activities.none"))
        await table.load()

    PAGE = Page("activities", "/activities", Act.READ, build, icon="campaign")

- Call use cases only through ``context.run(act, work)`` (in a thread) and ``context.call(act, work)`` (asynchronous). Both check
  session and role again; ``context.may(act)`` only decides whether to draw a control. Changes pass ``actor=context.actor``.
  Never call a store from a page directly, because the event loop serves the API too.
- Let errors of use cases propagate: the user sees the text ``errors.<ClassName>``, or else the error's message. ``ActivityNotFound``
  and similar errors become a page with status 404 while a page is built.
- Every text is in ``texts/en/NAME.json`` and ``texts/zh/NAME.json``: ``context.texts("NAME.key", count=3)``. ``NAME.title`` is
  required. A test compares the keys of both languages and looks for unknown keys.
- Write addresses with ``context.url("/activities", after=3)``, so that they work behind a proxy's prefix. Variable parts of the path
  are in ``context.parameters``, the query in ``context.query``.
- Elements are in ``parts/``; ``tag`` makes any other HTML element. Use NiceGUI's own elements where they help, such as sliders, but
  never its upload, which writes to the disk.
- Put users' text into ``text`` and attributes only, never into ``ui.html``, slot templates or JavaScript.
- Classes start with ``fm-`` and are in ``static/console.css``; use its variables for colours and sizes, never literals.
- Pictures of materials: ``context.url(f"/files/materials/{id}/thumbnail")`` and ``…/picture``.
- A page that needs another use case adds a field to ``UseCases``, filled in ``app/server.py``.

How to test a page
------------------

``tests/console`` drives a real Chromium against a real server: see the first lines of ``tests/console/browser.py``.
"""
