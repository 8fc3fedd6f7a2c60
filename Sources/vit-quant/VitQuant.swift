@main
struct VitQuant {
  static func main() {}
}
