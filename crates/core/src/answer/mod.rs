//! The files that Windows Setup reads: `unattend.xml`, `PID.txt`, `ei.cfg`.
