//! What is the same for each kind of reader: its clones, and which readers are equal.

/// Writes them for a type whose `core` is that of the table that it reads.
macro_rules! identity {
    ($type:ident) => {
        impl<K, V> Clone for $type<K, V> {
            fn clone(&self) -> Self {
                Self { core: Arc::clone(&self.core) }
            }
        }

        /// Two readers are equal if they read the same table, whatever its rows are.
        impl<K, V> PartialEq for $type<K, V> {
            fn eq(&self, other: &Self) -> bool {
                Arc::ptr_eq(&self.core, &other.core)
            }
        }

        impl<K, V> Eq for $type<K, V> {}

        /// The hash is that of the table, and stays the same when its rows change. Clippy's
        /// `mutable_key_type` does not see that: allow it where readers are keys.
        impl<K, V> std::hash::Hash for $type<K, V> {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                Arc::as_ptr(&self.core).hash(state);
            }
        }
    };
}
