"""Run the command line as ``python -m pmntool``."""

from pmntool.cli import main

if __name__ == "__main__":
    main()
