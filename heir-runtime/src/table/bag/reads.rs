//! The methods by which a `BagTable` and its readers are read: they are the same.

/// Writes them for a type whose `source` is a [`BagRows`](super::read::BagRows).
macro_rules! reads {
    ($type:ident) => {
        impl<K, V> $type<K, V>
        where
            K: Eq + Hash + Clone + Send + Sync + 'static,
            V: Clone + Send + Sync + 'static,
        {
            /// The values of a key, cloned, in the order they were put.
            ///
            /// ```
            /// # use heir_runtime::table::BagTable;
            /// # let mut topics = BagTable::for_tests();
            /// # for (topic, user) in [("news", "ada"), ("news", "grace"), ("jobs", "ada")] {
            /// #     topics.insert(topic, user);
            /// # }
            /// assert_eq!(topics.get("news"), ["ada", "grace"]);
            /// assert!(topics.get("none").is_empty());
            /// assert!(topics.contains("jobs", &"ada") && !topics.contains("jobs", &"grace"));
            /// assert!(!topics.contains_key("none"));
            /// ```
            pub fn get<Q>(&self, key: &Q) -> Vec<V>
            where
                K: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                read::without_numbers(self.source().values(key))
            }

            /// Shows the values of a key to `look`, in the order they were put. Returns how many
            /// there are.
            ///
            /// ```
            /// # use heir_runtime::table::BagTable;
            /// # let mut topics = BagTable::for_tests();
            /// # for (topic, user) in [("news", "ada"), ("news", "grace"), ("jobs", "ada")] {
            /// #     topics.insert(topic, user);
            /// # }
            /// let mut letters = 0;
            /// assert_eq!(topics.for_each_of("news", |user| letters += user.len()), 2);
            /// assert_eq!(letters, 8);
            /// ```
            pub fn for_each_of<Q>(&self, key: &Q, look: impl FnMut(&V)) -> usize
            where
                K: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                let values = self.get(key);
                values.iter().for_each(look);
                values.len()
            }

            /// Whether the key has this value: it is compared with clones of the others.
            pub fn contains<Q>(&self, key: &Q, value: &V) -> bool
            where
                K: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
                V: PartialEq,
            {
                self.get(key).contains(value)
            }

            /// Whether the key has a value (ETS `member`).
            pub fn contains_key<Q>(&self, key: &Q) -> bool
            where
                K: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                self.source().count_of(key) > 0
            }

            /// How many pairs there are.
            pub fn len(&self) -> usize {
                self.source().len()
            }

            /// How many keys there are.
            pub fn keys_len(&self) -> usize {
                self.source().keys_len()
            }

            /// The pairs, those of a key together and in the order they were put: clones, made page
            /// by page as the iterator comes to them.
            ///
            /// Keys that are there all the while come exactly once; others may come or not.
            ///
            /// ```
            /// # use heir_runtime::table::BagTable;
            /// # let mut topics = BagTable::for_tests();
            /// # for (topic, user) in [("news", "ada"), ("news", "grace"), ("jobs", "ada")] {
            /// #     topics.insert(topic, user);
            /// # }
            /// assert_eq!(topics.iter().filter(|(_, user)| *user == "ada").count(), 2);
            /// assert_eq!((topics.len(), topics.keys_len()), (3, 2));
            /// assert_eq!((topics.values().count(), topics.keys().count()), (3, 2));
            /// ```
            pub fn iter(&self) -> Rows<'_, K, V> {
                read::rows(self.source())
            }

            /// The keys, each once.
            pub fn keys(&self) -> impl Iterator<Item = K> + '_ {
                let mut last = Some(0);
                let mut page = Vec::new().into_iter();
                std::iter::from_fn(move || {
                    loop {
                        if let Some((key, _)) = page.next() {
                            return Some(key);
                        }
                        let (mut lists, next) = self.source().page(last?, PAGE);
                        page = std::mem::take(&mut lists.0).into_iter();
                        last = next;
                    }
                })
            }

            /// The values, as [`iter`](Self::iter) comes to them.
            pub fn values(&self) -> impl Iterator<Item = V> + '_ {
                self.iter().map(|(_, value)| value)
            }

            /// The first page of keys, at most `limit`, with their values: it takes time for these,
            /// not for all.
            ///
            /// A page has more than `limit` keys only if their hashes are equal, so that they come
            /// together.
            pub fn first_page(&self, limit: usize) -> Vec<(K, Vec<V>)> {
                read::first(self.source(), Some(0), limit)
            }

            /// The page of keys after the one that ended with `key`, which need not be there any
            /// more. It is empty after the last.
            ///
            /// Keys that are there all the while come exactly once, whatever is put and removed
            /// between two pages.
            ///
            /// ```
            /// # use heir_runtime::table::BagTable;
            /// # let mut topics = BagTable::for_tests();
            /// # for (topic, user) in [("news", "ada"), ("news", "grace"), ("jobs", "ada")] {
            /// #     topics.insert(topic, user);
            /// # }
            /// let page = topics.first_page(1);
            /// let next = topics.page_after(page[0].0, 1);
            /// assert_eq!(page[0].1.len() + next[0].1.len(), 3); // all values of a key are on its page
            /// assert!(topics.page_after(next[0].0, 1).is_empty());
            /// ```
            pub fn page_after<Q>(&self, key: &Q, limit: usize) -> Vec<(K, Vec<V>)>
            where
                K: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                read::first(self.source(), self.source().position(key).checked_add(1), limit)
            }
        }
    };
}
