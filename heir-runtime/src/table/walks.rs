//! What is the same for each kind of table, and for each kind of reader: a walk over all of its rows.

/// Writes the methods of a walk for a type that has `iter`, `len` and `first_page`. `$one` and `$many`
/// are the words for what `iter` gives.
macro_rules! walks {
    ($type:ident, $rows:ident, [$($bound:tt)+], $one:literal, $many:literal) => {
        impl<K, V> $type<K, V>
        where
            K: $($bound)+ + Clone + Send + Sync + 'static,
            V: Clone + Send + Sync + 'static,
        {
            #[doc = concat!("Shows every ", $one, " to `look`, as [`iter`](Self::iter) comes to it (ETS `foldl`, `foldr`).")]
            pub fn for_each(&self, mut look: impl FnMut(&K, &V)) {
                self.iter().for_each(|(key, value)| look(&key, &value));
            }

            #[doc = concat!("The ", $many, " `condition` is true of (ETS `select`, `match_object`).")]
            pub fn select(&self, mut condition: impl FnMut(&K, &V) -> bool) -> Vec<(K, V)> {
                self.iter().filter(|(key, value)| condition(key, value)).collect()
            }

            #[doc = concat!("How many ", $many, " `condition` is true of (ETS `select_count`).")]
            pub fn count(&self, mut condition: impl FnMut(&K, &V) -> bool) -> usize {
                self.iter().filter(|(key, value)| condition(key, value)).count()
            }

            #[doc = concat!("Whether there are no ", $many, ".")]
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }
        }

        #[doc = concat!("The ", $many, ", as `iter` gives them.")]
        impl<'a, K, V> IntoIterator for &'a $type<K, V>
        where
            K: $($bound)+ + Clone + Send + Sync + 'static,
            V: Clone + Send + Sync + 'static,
        {
            type Item = (K, V);
            type IntoIter = $rows<'a, K, V>;

            fn into_iter(self) -> Self::IntoIter {
                self.iter()
            }
        }

        #[doc = concat!("How many ", $many, " there are, and the first page.")]
        impl<K, V> fmt::Debug for $type<K, V>
        where
            K: $($bound)+ + Clone + Send + Sync + fmt::Debug + 'static,
            V: Clone + Send + Sync + fmt::Debug + 'static,
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let rows = Shown(self.first_page(SHOWN));
                f.debug_struct(stringify!($type)).field("len", &self.len()).field("rows", &rows).finish()
            }
        }
    };
}
