"""The directory of places: its tables, the files it is read from, the gazetteer, opening hours and the search."""
