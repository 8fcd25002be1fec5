// Runs of floats a vector at a time; the last may be partly filled.

// Calls f(index of the first, how many) for from ... to - 1.
template <class F>
inline void for_vectors(long from, long to, const F& f) {
  for (long i = from; i < to; i += width) f(i, min(width, to - i));
}

inline Vector load_part(const float* p, long n) {
  if (n == width) return load(p);
  float values[width] = {};
  memcpy(values, p, n * sizeof(float));
  return load(values);
}

inline void store_part(float* p, Vector v, long n) {
  if (n == width) return store(p, v);
  float values[width];
  store(values, v);
  memcpy(p, values, n * sizeof(float));
}
