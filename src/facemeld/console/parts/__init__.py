"""Elements that several pages use: fields, tables, charts, dialogs, the frame of a page."""
