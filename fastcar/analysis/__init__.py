"""The paper's figures and its open questions, measured on a video model; one file per question."""
