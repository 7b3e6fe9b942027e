"""Places in and out of Farol: one file a form (HSDS as CSV and JSON, OpenStreetMap, a plain spreadsheet)."""
