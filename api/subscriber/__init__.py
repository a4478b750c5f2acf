"""The client's half of delivery: what the Python clients share. Imports only the domain and the errors."""
