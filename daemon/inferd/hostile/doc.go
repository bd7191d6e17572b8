// Package hostile holds no code, only tests: each file that an operator, an attacker or a failing disk could put into the model folder,
// and each request that makes no sense, gives an error that says what and where, or costs nothing; what serves goes on serving, and
// nothing leaks.
package hostile
