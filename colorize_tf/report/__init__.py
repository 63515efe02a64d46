"""What a study found, as tables, curves and one page that needs nothing else."""
