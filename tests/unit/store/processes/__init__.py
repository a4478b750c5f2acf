"""Programs that the tests of the store run in processes of their own."""
