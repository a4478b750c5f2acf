"""The only writers of state. Each change is one transaction: state and journal together, then the bell."""
