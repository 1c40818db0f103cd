"""pmntool: which transcription factors bind where, and together with which others.

The commands are functions, one to a module and of the same name: ``from pmntool.train import train``.
Importing this package imports nothing heavy.
"""

__version__ = "0.1.0"
