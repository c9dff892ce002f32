/** Policies: one method of the literature, one file. They see views and return values. */
package io.kvarena.policies;
