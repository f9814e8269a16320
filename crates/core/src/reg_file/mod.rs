//! Registry exports: `.reg` files.
