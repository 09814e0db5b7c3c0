terraform { required_version = ">= 1.4" }
locals { zones = toset(["a", "c d"]) }
resource "terraform_data" "single" { input = "one" }
resource "terraform_data" "counted" {
  count = 2
  input = { port = 8080 + count.index, name = "n${count.index}" }
}
resource "terraform_data" "zoned" {
  for_each = local.zones
  input    = ["subnet-${each.key}", true, 1.5]
}
resource "terraform_data" "secret" {
  input = { user = "app", password = sensitive("hunter2") }
}
resource "terraform_data" "replaced" {
  input            = null
  triggers_replace = [terraform_data.single.id]
}
data "terraform_remote_state" "network" {
  backend = "local"
  config  = { path = "${path.module}/network/terraform.tfstate" }
}
module "service" {
  source   = "./service"
  for_each = toset(["web", "quo\"te}"])
  name     = each.key
}
module "counted" {
  source = "./service"
  count  = 1
  name   = "c"
}
output "id" { value = "vpc-1" }
output "ids" { value = ["subnet-1", "subnet-2"] }
output "count" { value = 3 }
output "settings" { value = { port = 8080, name = "app", nested = { list = [1, 2] } } }
output "password" {
  value     = "hunter2"
  sensitive = true
}
