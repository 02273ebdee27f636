//! The methods by which an `OrderedTable` and its readers are read: they are the same.

/// Writes them for a type whose `source` has `look`, `page` and `len`.
macro_rules! reads {
    ($type:ident) => {
        impl<K, V> $type<K, V>
        where
            K: Ord + Clone + Send + Sync + 'static,
            V: Clone + Send + Sync + 'static,
        {
            /// The value of a row, cloned.
            ///
            /// ```
            /// # use heir_runtime::table::OrderedTable;
            /// let mut stops = OrderedTable::for_tests();
            /// stops.insert(815, "station");
            /// assert_eq!(stops.get(&815), Some("station"));
            /// assert_eq!(stops.get_or(&930, "none"), "none");
            /// assert_eq!(stops.with(&815, |stop| stop.len()), Some(7));
            /// assert!(stops.contains_key(&815) && stops.len() == 1);
            /// ```
            pub fn get<Q>(&self, key: &Q) -> Option<V>
            where
                K: Borrow<Q>,
                Q: Ord + ?Sized,
            {
                self.source().look(key, |_, value| value.clone())
            }

            /// The value of a row, or `default` if there is none (ETS `lookup_element/4`).
            pub fn get_or<Q>(&self, key: &Q, default: V) -> V
            where
                K: Borrow<Q>,
                Q: Ord + ?Sized,
            {
                self.get(key).unwrap_or(default)
            }

            /// Looks at a clone of the value of a row. No lock is held while `look` looks. Put
            /// large values into an `Arc`, of which a clone costs next to nothing.
            pub fn with<Q, R>(&self, key: &Q, look: impl FnOnce(&V) -> R) -> Option<R>
            where
                K: Borrow<Q>,
                Q: Ord + ?Sized,
            {
                self.get(key).map(|value| look(&value))
            }

            /// Whether there is a row with this key (ETS `member`).
            pub fn contains_key<Q>(&self, key: &Q) -> bool
            where
                K: Borrow<Q>,
                Q: Ord + ?Sized,
            {
                self.source().look(key, |_, _| ()).is_some()
            }

            /// How many rows there are.
            pub fn len(&self) -> usize {
                self.source().len()
            }

            /// The first row (ETS `first_lookup`).
            ///
            /// ```
            /// # use heir_runtime::table::OrderedTable;
            /// # let mut stops = OrderedTable::for_tests();
            /// # stops.extend([(930, "harbour"), (815, "station"), (1145, "airport")]);
            /// assert_eq!(stops.first(), Some((815, "station")));
            /// assert_eq!(stops.last(), Some((1145, "airport")));
            /// assert_eq!(stops.next(&815), Some((930, "harbour")));
            /// assert_eq!(stops.prev(&815), None);
            /// ```
            pub fn first(&self) -> Option<(K, V)> {
                self.one::<K>((Bound::Unbounded, Bound::Unbounded), false)
            }

            /// The last row (ETS `last_lookup`).
            pub fn last(&self) -> Option<(K, V)> {
                self.one::<K>((Bound::Unbounded, Bound::Unbounded), true)
            }

            /// The first row after `key`, which need not be there itself (ETS `next_lookup`).
            pub fn next<Q>(&self, key: &Q) -> Option<(K, V)>
            where
                K: Borrow<Q>,
                Q: Ord + ?Sized,
            {
                self.one((Bound::Excluded(key), Bound::Unbounded), false)
            }

            /// The last row before `key`, which need not be there itself (ETS `prev_lookup`).
            pub fn prev<Q>(&self, key: &Q) -> Option<(K, V)>
            where
                K: Borrow<Q>,
                Q: Ord + ?Sized,
            {
                self.one((Bound::Unbounded, Bound::Excluded(key)), true)
            }

            /// The rows of a range, in order or in reverse: clones, made page by page as the iterator
            /// comes to them.
            ///
            /// Rows that are there all the while come exactly once; others may come or not.
            ///
            /// ```
            /// # use heir_runtime::table::OrderedTable;
            /// # let mut stops = OrderedTable::for_tests();
            /// # stops.extend([(930, "harbour"), (815, "station"), (1145, "airport")]);
            /// assert_eq!(stops.range(..1000).next_back(), Some((930, "harbour")));
            /// assert_eq!(stops.range(900..).count(), 2);
            /// let mut shown = Vec::new();
            /// stops.for_each_in(900.., |_, stop| shown.push(*stop));
            /// assert_eq!(shown, ["harbour", "airport"]);
            /// ```
            ///
            /// # Panics
            /// As `BTreeMap::range` does, if the range ends before it starts: when the iterator is
            /// asked for a row.
            pub fn range<'a, Q>(&'a self, range: impl RangeBounds<Q> + Send + 'a) -> OrderedRows<'a, K, V>
            where
                K: Borrow<Q>,
                Q: Ord + ?Sized + 'a,
            {
                let source = self.source();
                OrderedRows::new(move |after, before, from_back| {
                    let lower = after.map_or(range.start_bound(), |key: &K| Bound::Excluded(key.borrow()));
                    let upper = before.map_or(range.end_bound(), |key: &K| Bound::Excluded(key.borrow()));
                    source.page((lower, upper), PAGE, from_back)
                })
            }

            /// Shows the rows of a range to `look`, in order.
            ///
            /// # Panics
            /// As `BTreeMap::range` does, if the range ends before it starts.
            pub fn for_each_in<Q>(&self, range: impl RangeBounds<Q> + Send, mut look: impl FnMut(&K, &V))
            where
                K: Borrow<Q>,
                Q: Ord + ?Sized,
            {
                self.range(range).for_each(|(key, value)| look(&key, &value));
            }

            /// The rows in order, or in reverse, as [`range`](Self::range) gives them.
            ///
            /// ```
            /// # use heir_runtime::table::OrderedTable;
            /// # let mut stops = OrderedTable::for_tests();
            /// # stops.extend([(930, "harbour"), (815, "station"), (1145, "airport")]);
            /// assert_eq!(stops.iter().next_back(), Some((1145, "airport")));
            /// assert_eq!(stops.keys().collect::<Vec<_>>(), [815, 930, 1145]);
            /// assert_eq!(stops.values().next(), Some("station"));
            /// ```
            pub fn iter(&self) -> OrderedRows<'_, K, V> {
                self.range::<K>(..)
            }

            /// The keys in order.
            pub fn keys(&self) -> impl DoubleEndedIterator<Item = K> + '_ {
                self.iter().map(|(key, _)| key)
            }

            /// The values in the order of their keys.
            pub fn values(&self) -> impl DoubleEndedIterator<Item = V> + '_ {
                self.iter().map(|(_, value)| value)
            }

            /// The first `limit` rows: it takes time for these, not for all.
            pub fn first_page(&self, limit: usize) -> Vec<(K, V)> {
                self.iter().take(limit).collect()
            }

            /// The first `limit` rows after `key`, which need not be there any more.
            ///
            /// ```
            /// # use heir_runtime::table::OrderedTable;
            /// # let mut stops = OrderedTable::for_tests();
            /// # stops.extend([(930, "harbour"), (815, "station"), (1145, "airport")]);
            /// let page = stops.first_page(2);
            /// assert_eq!(page, [(815, "station"), (930, "harbour")]);
            /// assert_eq!(stops.page_after(&page[1].0, 2), [(1145, "airport")]);
            /// ```
            pub fn page_after<Q>(&self, key: &Q, limit: usize) -> Vec<(K, V)>
            where
                K: Borrow<Q>,
                Q: Ord + Sync + ?Sized,
            {
                self.range((Bound::Excluded(key), Bound::Unbounded)).take(limit).collect()
            }

            fn one<Q>(&self, bounds: (Bound<&Q>, Bound<&Q>), from_back: bool) -> Option<(K, V)>
            where
                K: Borrow<Q>,
                Q: Ord + ?Sized,
            {
                self.source().page(bounds, 1, from_back).into_vec().pop()
            }
        }
    };
}
