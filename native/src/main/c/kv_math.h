/* exp and tanh on the vector words of a kv_simd_*.h. */

/*
 * exp(x) for x <= 0, relative error under 2e-7; 0 below about -87.7, where floats end.
 *
 * x = n ln 2 + r with whole n and |r| <= ln 2 / 2; exp(r) by its Taylor polynomial of degree 7,
 * whose next term is below 6e-9. ln 2 is split so that n times its upper part is exact.
 */
INLINE vf v_exp(vf x) {
  x = v_max(x, v_set(-88.0f));
  const vf n = v_round(v_mul(x, v_set(1.44269504f)));
  vf r = v_fma(n, v_set(-0.693359375f), x);
  r = v_fma(n, v_set(2.12194440e-4f), r);
  vf p = v_set(1.0f / 5040);
  p = v_fma(p, r, v_set(1.0f / 720));
  p = v_fma(p, r, v_set(1.0f / 120));
  p = v_fma(p, r, v_set(1.0f / 24));
  p = v_fma(p, r, v_set(1.0f / 6));
  p = v_fma(p, r, v_set(0.5f));
  p = v_fma(v_mul(r, r), p, r);
  return v_mul(v_add(p, v_set(1.0f)), v_power_of_2(n));
}

/*
 * tanh(x), relative error under 4e-7. Near 0 by a polynomial (Cephes' coefficients), as the
 * quotient of exponentials cancels there.
 */
INLINE vf v_tanh(vf x) {
  const vf one = v_set(1.0f);
  const vf size = v_abs(x);
  const vf e = v_exp(v_mul(size, v_set(-2.0f)));
  const vf far = v_sign_of(v_div(v_sub(one, e), v_add(one, e)), x);
  const vf z = v_mul(x, x);
  vf p = v_set(-5.70498872745e-3f);
  p = v_fma(p, z, v_set(2.06390887954e-2f));
  p = v_fma(p, z, v_set(-5.37397155531e-2f));
  p = v_fma(p, z, v_set(1.33314422036e-1f));
  p = v_fma(p, z, v_set(-3.33332819422e-1f));
  const vf near = v_fma(v_mul(v_mul(p, z), x), one, x);
  return v_if_less(size, v_set(0.625f), near, far);
}
