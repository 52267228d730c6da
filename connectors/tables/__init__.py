"""Tables in files, whoever made them: CSV and its kin, Excel workbooks, OpenDocument spreadsheets → rows of texts."""
