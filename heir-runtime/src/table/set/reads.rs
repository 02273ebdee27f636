//! The methods by which a `Table` and its readers are read: they are the same.

/// Writes them for a type whose `source` is a [`SetRows`](super::read::SetRows).
macro_rules! reads {
    ($type:ident) => {
        impl<K, V> $type<K, V>
        where
            K: Eq + Hash + Clone + Send + Sync + 'static,
            V: Clone + Send + Sync + 'static,
        {
            /// The value of a row, cloned.
            ///
            /// ```
            /// # use heir_runtime::table::Table;
            /// let mut names = Table::for_tests();
            /// names.insert(1, "Ada");
            /// assert_eq!(names.get(&1), Some("Ada"));
            /// assert_eq!(names.get_or(&2, "nobody"), "nobody");
            /// assert!(names.contains_key(&1) && names.len() == 1);
            /// ```
            #[inline]
            pub fn get<Q>(&self, key: &Q) -> Option<V>
            where
                K: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                self.source().look(key, |_, value| value.clone())
            }

            /// The value of a row, or `default` if there is none (ETS `lookup_element/4`).
            pub fn get_or<Q>(&self, key: &Q, default: V) -> V
            where
                K: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                self.get(key).unwrap_or(default)
            }

            /// Looks at a clone of the value of a row. No lock is held while `look` looks. Put
            /// large values into an `Arc`, of which a clone costs next to nothing.
            ///
            /// ```
            /// # use heir_runtime::table::Table;
            /// let mut names = Table::for_tests();
            /// names.insert(1, "Ada".to_owned());
            /// assert_eq!(names.with(&1, |name| name.len()), Some(3)); // ETS: lookup_element
            /// ```
            #[inline]
            pub fn with<Q, R>(&self, key: &Q, look: impl FnOnce(&V) -> R) -> Option<R>
            where
                K: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                self.get(key).map(|value| look(&value))
            }

            /// Whether there is a row with this key (ETS `member`).
            pub fn contains_key<Q>(&self, key: &Q) -> bool
            where
                K: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                self.source().look(key, |_, _| ()).is_some()
            }

            /// How many rows there are.
            pub fn len(&self) -> usize {
                self.source().len()
            }

            /// The rows, in no order: clones, made page by page as the iterator comes to them.
            ///
            /// Rows that are there all the while come exactly once; others may come or not.
            ///
            /// ```
            /// # use heir_runtime::table::Table;
            /// let mut hits = Table::for_tests();
            /// hits.extend([("index", 2), ("about", 1)]);
            /// assert_eq!(hits.iter().max_by_key(|(_, hits)| *hits), Some(("index", 2)));
            /// assert_eq!((hits.keys().count(), hits.values().sum::<i32>()), (2, 3));
            /// ```
            pub fn iter(&self) -> Rows<'_, K, V> {
                read::rows(self.source())
            }

            /// The keys, as [`iter`](Self::iter) comes to them.
            pub fn keys(&self) -> impl Iterator<Item = K> + '_ {
                self.iter().map(|(key, _)| key)
            }

            /// The values, as [`iter`](Self::iter) comes to them.
            pub fn values(&self) -> impl Iterator<Item = V> + '_ {
                self.iter().map(|(_, value)| value)
            }

            /// The first page of rows, at most `limit`: it takes time for these, not for all.
            ///
            /// A page has more than `limit` rows only if the hashes of their keys are equal, so that
            /// they come together.
            pub fn first_page(&self, limit: usize) -> Vec<(K, V)> {
                read::first(self.source(), Some(0), limit)
            }

            /// The page of rows after the one that ended with `key`, which need not be there any
            /// more. It is empty after the last.
            ///
            /// Rows that are there all the while come exactly once, whatever is put and removed
            /// between two pages.
            ///
            /// ```
            /// # use heir_runtime::table::Table;
            /// let mut names = Table::for_tests();
            /// names.extend((0..100).map(|n| (n, format!("name {n}"))));
            /// let (mut seen, mut page) = (0, names.first_page(10));
            /// while let Some((last, _)) = page.last() {
            ///     seen += page.len();
            ///     page = names.page_after(last, 10);
            /// }
            /// assert_eq!(seen, 100);
            /// ```
            pub fn page_after<Q>(&self, key: &Q, limit: usize) -> Vec<(K, V)>
            where
                K: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                read::first(self.source(), self.source().position(key).checked_add(1), limit)
            }
        }
    };
}
