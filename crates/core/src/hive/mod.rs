//! Registry hive files, read through small positioned reads.
