"""One command that trains, evaluates and exports many networks alike, and puts what came of it side by side."""
