variable "name" { type = string }
resource "terraform_data" "this" { input = var.name }
module "inner" {
  source = "./inner"
}
output "handed" { value = var.name }
