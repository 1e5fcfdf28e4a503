"""Jobs in other processes: the resident worker of the panel, several on this machine, a cluster."""
