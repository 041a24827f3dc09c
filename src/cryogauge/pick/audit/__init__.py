"""Labels that are probably wrong or missing: ranked by a network, judged by people, written back as new picks."""
