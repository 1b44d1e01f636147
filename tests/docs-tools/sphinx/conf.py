project = "DMA for drivers"
extensions = ["myst_parser"]
html_theme = "alabaster"
exclude_patterns = ["_build"]
