//! A worker of another type takes the place, and the tables, of one.
