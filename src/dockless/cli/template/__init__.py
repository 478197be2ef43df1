"""Go's templates (`text/template`), as far as Docker's `--format` knows them, over what JSON can say.

`syntax` turns text into a tree, `evaluate` fills it in, `functions` has the functions of the language and those that
Docker adds, `values` says how a value is printed. No input or output anywhere here.
"""

from dockless.cli.template.errors import TemplateError
from dockless.cli.template.evaluate import Template
from dockless.cli.template.functions import FUNCTIONS, HEADER_FUNCTIONS

__all__ = ["FUNCTIONS", "HEADER_FUNCTIONS", "Template", "TemplateError"]
