// Package architecture holds no code, only the tests that keep the house in order: which package may import which, how long files and
// functions may grow, and what is banned everywhere. ARCHITECTURE.md gives the reasons.
package architecture
