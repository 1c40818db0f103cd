"""A genome browser over tracks: what it shows, its page and server, and the same for UCSC, IGV and pyGenomeTracks."""
