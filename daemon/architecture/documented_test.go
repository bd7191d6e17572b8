package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"strings"
	"testing"
)

// TestPackagesAreDocumented wants one package comment in every package that is more than tests.
func TestPackagesAreDocumented(t *testing.T) {
	comments := map[string][]string{}
	for _, name := range sources(t, ".go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		_, file := parse(t, name, parser.PackageClauseOnly|parser.ParseComments)
		documented := comments[path.Dir(name)]
		if file.Doc != nil && strings.TrimSpace(file.Doc.Text()) != "" {
			documented = append(documented, name)
		}
		comments[path.Dir(name)] = documented
	}
	for dir, documented := range comments {
		if len(documented) != 1 {
			t.Errorf("%s has %d package comments %v, want one that says its job, what comes in and what goes out", dir, len(documented), documented)
		}
	}
}

// TestExportedNamesAreDocumented wants a doc comment on what a package offers: functions, methods of exported types, types, constants, variables.
func TestExportedNamesAreDocumented(t *testing.T) {
	for _, name := range sources(t, ".go") {
		files, file := parse(t, name, parser.ParseComments)
		if strings.HasSuffix(name, "_test.go") || file.Name.Name == "main" || ast.IsGenerated(file) {
			continue
		}
		for _, identifier := range undocumented(file) {
			t.Errorf("%s: %s has no doc comment", files.Position(identifier.Pos()), identifier.Name)
		}
	}
}

// TestUndocumentedFindsPlantedNames proves that the search can fail.
func TestUndocumentedFindsPlantedNames(t *testing.T) {
	const source = `package p
func F() {}
func (t *T[K]) M() {}
func (t *hidden) M() {}
func (t *T[K]) Close() {}
// T is documented.
type T[K any] struct{}
type (
	U int
	// V is documented.
	V int
)
// The first comment covers the group.
const (
	A = 1
	B = 2
)
var C, d = 1, 2
`
	file, err := parser.ParseFile(token.NewFileSet(), "planted.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, identifier := range undocumented(file) {
		names = append(names, identifier.Name)
	}
	if found := strings.Join(names, " "); found != "F M U C" {
		t.Errorf("found %q, want the four names without a comment", found)
	}
}

func undocumented(file *ast.File) []*ast.Ident {
	var list []*ast.Ident
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d))) && !conventional[d.Name.Name] {
				list = append(list, d.Name)
			}
		case *ast.GenDecl:
			if d.Tok == token.IMPORT || d.Doc != nil && len(d.Specs) == 1 {
				continue
			}
			list = append(list, undocumentedSpecs(d)...)
		}
	}
	return list
}

// conventional names say themselves what they do, by an interface of the standard library.
var conventional = map[string]bool{"Error": true, "Unwrap": true, "String": true, "Close": true, "Len": true, "Less": true, "Swap": true}

func receiver(d *ast.FuncDecl) string {
	expression := d.Recv.List[0].Type
	for {
		switch e := expression.(type) {
		case *ast.StarExpr:
			expression = e.X
		case *ast.IndexExpr:
			expression = e.X
		case *ast.IndexListExpr:
			expression = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}

// undocumentedSpecs looks into a group. A comment on a group of constants or variables covers them all; types need their own.
func undocumentedSpecs(d *ast.GenDecl) []*ast.Ident {
	var list []*ast.Ident
	covered := d.Doc != nil
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && s.Doc == nil {
				list = append(list, s.Name)
			}
		case *ast.ValueSpec:
			covered = covered || s.Doc != nil // a comment covers the lines below it
			for _, name := range s.Names {
				if name.IsExported() && !covered && s.Comment == nil {
					list = append(list, name)
				}
			}
		}
	}
	return list
}
