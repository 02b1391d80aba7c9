"""Write the generated pages of the reference."""

from tests.reference.pages import write

write()
