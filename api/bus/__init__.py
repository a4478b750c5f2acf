"""The bus says "there is more"; what it loses is read from the journal."""
