//! Plays the parts of Windows that Wine lacks.
