"""What a user holds while a run goes on and afterwards: jobs, their reports, and the explanation of a run."""
