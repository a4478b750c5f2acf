"""Who may come in: origins, hosts, proxies, principals."""
