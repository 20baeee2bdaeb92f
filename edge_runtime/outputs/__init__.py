"""Where results are written: tables, annotated images, event files, recordings, snapshots."""
