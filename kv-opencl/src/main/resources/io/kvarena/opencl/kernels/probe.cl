// Asks whether kernels see host memory: to[i] = 2 * from[i] + 1, one work-item for each i, and
// where[0] = the address that the kernel knows `from` by.
__kernel void probe(__global const int* from, __global int* to, __global ulong* where) {
  int i = get_global_id(0);
  to[i] = 2 * from[i] + 1;
  if (i == 0) {
    where[0] = (ulong)from;
  }
}
